// Package check renders what is in k8s/ and says what a cluster would refuse, or would take and regret.
//
// It does so without a cluster: resources are held against the schemas in schemas/ and against rules of
// our own, alerts and dashboards against the metrics that the programs really have.
package check
