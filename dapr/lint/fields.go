package main

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// fields are the known fields of a document, by name; anything is for what may hold any.
type fields map[string]fields

var (
	anything = fields{"*": nil}
	leaf     = fields{}
	meta     = fields{"name": leaf, "namespace": leaf, "labels": anything, "annotations": anything}
	policies = fields{"timeout": leaf, "retry": leaf, "circuitBreaker": leaf}
	inOut    = fields{"inbound": policies, "outbound": policies}
)

// known fields of every kind that this repository has, after Dapr 1.18. A kind that is not here is a
// finding: add it with what it may hold.
var known = map[string]fields{
	"Component": {"apiVersion": leaf, "kind": leaf, "metadata": meta, "scopes": leaf, "auth": {"secretStore": leaf},
		"spec": {"type": leaf, "version": leaf, "initTimeout": leaf, "ignoreErrors": leaf,
			"metadata": {"name": leaf, "value": leaf, "envRef": leaf, "secretKeyRef": {"name": leaf, "key": leaf}}}},
	"Subscription": {"apiVersion": leaf, "kind": leaf, "metadata": meta, "scopes": leaf,
		"spec": {"pubsubname": leaf, "topic": leaf, "metadata": anything, "deadLetterTopic": leaf,
			"routes":        {"default": leaf, "rules": {"match": leaf, "path": leaf}},
			"bulkSubscribe": {"enabled": leaf, "maxMessagesCount": leaf, "maxAwaitDurationMs": leaf}}},
	"Resiliency": {"apiVersion": leaf, "kind": leaf, "metadata": meta, "scopes": leaf,
		"spec": {
			"policies": {"timeouts": anything,
				"retries":         {"*": {"policy": leaf, "duration": leaf, "maxInterval": leaf, "maxRetries": leaf, "matching": {"httpStatusCodes": leaf, "gRPCStatusCodes": leaf}}},
				"circuitBreakers": {"*": {"maxRequests": leaf, "interval": leaf, "timeout": leaf, "trip": leaf}}},
			"targets": {"apps": {"*": policies}, "actors": {"*": policies}, "components": {"*": inOut}}}},
	"Configuration": {"apiVersion": leaf, "kind": leaf, "metadata": meta,
		"spec": {
			"nameResolution": {"component": leaf, "version": leaf, "configuration": anything},
			"tracing":        {"samplingRate": leaf, "stdout": leaf, "zipkin": {"endpointAddress": leaf}, "otel": {"endpointAddress": leaf, "isSecure": leaf, "protocol": leaf, "headers": anything, "timeout": leaf}},
			"metrics":        metrics, "metric": metrics,
			"mtls":          {"enabled": leaf, "workloadCertTTL": leaf, "allowedClockSkew": leaf, "controlPlaneTrustDomain": leaf, "sentryAddress": leaf, "tokenValidators": anything},
			"secrets":       {"scopes": {"storeName": leaf, "defaultAccess": leaf, "allowedSecrets": leaf, "deniedSecrets": leaf}},
			"accessControl": {"defaultAction": leaf, "trustDomain": leaf, "policies": {"appId": leaf, "defaultAction": leaf, "trustDomain": leaf, "namespace": leaf, "operations": {"name": leaf, "httpVerb": leaf, "action": leaf}}},
			"api":           {"allowed": apis, "denied": apis},
			"components":    {"deny": leaf},
			"logging":       {"apiLogging": {"enabled": leaf, "obfuscateURLs": leaf, "omitHealthChecks": leaf}},
			"features":      {"name": leaf, "enabled": leaf}}},
	"run file": {"version": leaf, "name": leaf, "common": shared,
		"apps": merged(shared, fields{"appID": leaf, "appDirPath": leaf, "appPort": leaf, "command": leaf, "daprHTTPPort": leaf, "daprGRPCPort": leaf,
			"daprInternalGRPCPort": leaf, "metricsPort": leaf, "profilePort": leaf, "appChannelAddress": leaf, "unixDomainSocket": leaf})},
}

var (
	apis    = fields{"name": leaf, "version": leaf, "protocol": leaf}
	metrics = fields{"enabled": leaf, "recordErrorCodes": leaf, "latencyDistributionBuckets": leaf, "rules": anything,
		"http": {"increasedCardinality": leaf, "pathMatching": leaf, "excludeVerbs": leaf}}
	shared = fields{"resourcesPaths": leaf, "configFilePath": leaf, "appProtocol": leaf, "apiListenAddresses": leaf, "enableProfiling": leaf,
		"logLevel": leaf, "appMaxConcurrency": leaf, "placementHostAddress": leaf, "schedulerHostAddress": leaf, "appSSL": leaf, "maxBodySize": leaf,
		"readBufferSize": leaf, "enableAppHealthCheck": leaf, "appHealthCheckPath": leaf, "appHealthProbeInterval": leaf, "appHealthProbeTimeout": leaf,
		"appHealthThreshold": leaf, "enableApiLogging": leaf, "runtimePath": leaf, "env": anything, "daprdLogDestination": leaf, "appLogDestination": leaf}
)

func merged(a, b fields) fields {
	all := fields{}
	for _, f := range []fields{a, b} {
		for name, inner := range f {
			all[name] = inner
		}
	}
	return all
}

// everyPubSub are the settings that the sidecar itself takes of every pub/sub component.
const everyPubSub = " publishingScopes subscriptionScopes allowedTopics protectedTopics consumerID "

// settings of the component types that this repository has. A component does not say that it knows a
// setting not, it takes its default: so a misspelt one is a finding, and so is a type that is not here.
var settings = map[string]string{
	"pubsub.jetstream-pull": " url user password maxAge ackWait nakDelay workers bulkWorkers publishTimeout drainTimeout " + everyPubSub,
	"pubsub.redis": " redisHost redisPort redisUsername redisPassword enableTLS insecureSkipTLSVerify clientCert clientKey redisType redisDB redisMaxRetries redisMinRetryInterval redisMaxRetryInterval dialTimeout readTimeout writeTimeout poolSize poolTimeout minIdleConns maxConnAge idleTimeout idleCheckFrequency failover sentinelMasterName sentinelUsername sentinelPassword " +
		"processingTimeout redeliverInterval queueDepth concurrency maxLenApprox streamTTL " + everyPubSub,
	"pubsub.rabbitmq": " connectionString protocol hostname username password durable deletedWhenUnused autoAck deliveryMode requeueInFailure prefetchCount publisherConfirm reconnectWaitSeconds concurrency enableDeadLetter maxLen maxLenBytes exchangeKind saslExternal ttlInSeconds caCert clientCert clientKey clientName heartBeat publishMessagePropertiesToMetadata " + everyPubSub,
	"pubsub.kafka": " brokers consumerGroup clientID authType saslUsername saslPassword saslMechanism initialOffset maxMessageBytes consumeRetryInterval consumeRetryEnabled version caCert clientCert clientKey skipVerify disableTls oidcTokenEndpoint oidcClientID oidcClientSecret oidcScopes " +
		"channelBufferSize heartbeatInterval sessionTimeout consumerFetchMin consumerFetchDefault clientConnectionTopicMetadataRefreshInterval clientConnectionKeepAliveInterval escapeHeaders excludeHeaderMetaRegex compression producerRequiredAcks producerRetryMax consumerGroupRebalanceStrategy dialTimeout readTimeout writeTimeout metadataTimeout oidcExtensions oidcAudience oidcResource oidcKid oidcClientAssertionCert oidcClientAssertionKey schemaRegistryURL schemaRegistryAPIKey schemaRegistryAPISecret schemaCachingEnabled schemaLatestVersionCacheTTL useAvroJSON " + everyPubSub,
	"pubsub.jetstream": " natsURL jwt seedKey token tls_client_cert tls_client_key name streamName durableName queueGroupName startSequence startTime deliverPolicy flowControl ackWait maxDeliver backOff maxAckPending replicas memoryStorage rateLimit heartbeat domain apiPrefix ackPolicy concurrency " + everyPubSub,
	"state.sqlite":     " connectionString busyTimeout cleanupInterval tableName metadataTableName timeout disableWAL keyPrefix ",
	"state.postgresql": " connectionString timeout tablePrefix metadataTableName cleanupInterval connectionMaxIdleTime maxConns queryExecMode host hostaddr port database user password sslRootCert keyPrefix ",
	"state.redis":      " redisHost redisPort redisUsername redisPassword enableTLS insecureSkipTLSVerify clientCert clientKey redisType redisDB redisMaxRetries redisMinRetryInterval redisMaxRetryInterval dialTimeout readTimeout writeTimeout poolSize poolTimeout minIdleConns maxConnAge idleTimeout idleCheckFrequency failover sentinelMasterName sentinelUsername sentinelPassword ttlInSeconds queryIndexes keyPrefix ",

	"bindings.http": " url direction errorIfNot2XX responseTimeout maxResponseBodySize securityToken securityTokenHeader MTLSRootCA MTLSClientCert MTLSClientKey MTLSRenegotiation ",

	"secretstores.local.file": " secretsFile nestedSeparator multiValued ",
	"secretstores.kubernetes": " defaultNamespace kubeconfigPath ",
}

// fields checks that every field of a document is known. It is false when the document as a whole is
// not, and there is nothing more to say of it.
func (c *checker) fields(r Resource, kind string) bool {
	spec, ok := known[kind]
	if !ok {
		c.add(r.File, r.Node.Line, "unknown-field", fmt.Sprintf("kind %q is none that this repository uses", kind), "Correct it, or teach dapr/lint its fields.")
		return false
	}
	c.unknown(r.File, r.Node, spec, "")
	if kind != "Component" {
		return true
	}
	names, ok := settings[r.text("spec", "type")]
	if !ok {
		c.add(r.File, r.line("spec", "type"), "unknown-field", fmt.Sprintf("component type %q is none that this repository uses", r.text("spec", "type")), "Correct it, or teach dapr/lint its settings.")
		return false
	}
	for _, entry := range r.list("spec", "metadata") {
		name := at(entry, "name")
		if name != nil && !strings.Contains(names, " "+name.Value+" ") {
			c.add(r.File, name.Line, "unknown-field", fmt.Sprintf("%s knows no setting %q and would take its default without a word", r.text("spec", "type"), name.Value), "Correct the name, or remove it.")
		}
	}
	return true
}

func (c *checker) unknown(file string, node *yaml.Node, spec fields, path string) {
	if node.Kind == yaml.SequenceNode {
		for _, n := range node.Content {
			c.unknown(file, n, spec, path)
		}
	}
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			inner, ok := spec[key.Value]
			if !ok {
				inner, ok = spec["*"]
			}
			if !ok {
				c.add(file, key.Line, "unknown-field", fmt.Sprintf("Dapr knows no field %q here and would ignore it without a word", path+key.Value), "Correct the name, or remove it.")
				continue
			}
			if inner != nil {
				c.unknown(file, value, inner, path+key.Value+".")
			}
		}
	}
}
