package event

import "slices"

// Rights are the topics of one service.
type Rights struct{ Publish, Subscribe []string }

// rights of the services that are on topics. Components and the broker's users say the same, and tests
// hold them to it.
var rights = map[string]Rights{
	ProducerTerminal: {
		Publish:   []string{TopicCashLog, TopicOpenCloseLog, TopicEvents, TopicTerminal},
		Subscribe: []string{TopicSession, TopicSnapshotWanted, TopicJournalStatus},
	},
	ProducerCart: {
		Publish:   []string{TopicTranLog, TopicEvents, TopicSession, TopicSnapshotWanted},
		Subscribe: []string{TopicTerminal, TopicJournalStatus},
	},
	ProducerJournal: {
		Publish:   []string{TopicSnapshotWanted, TopicJournalStatus},
		Subscribe: []string{TopicTranLog, TopicCashLog, TopicOpenCloseLog, TopicEvents, TopicTerminal, DeadLetters(ProducerJournal), DeadLetters(ProducerCart), DeadLetters(ProducerTerminal)},
	},
}

// DeadLetters is the topic of what the sidecar of a service gives up.
func DeadLetters(service string) string { return "deadletter-" + service }

// RightsOf gives the topics that the sidecar of a service publishes to, its dead letters among them,
// and subscribes to. Who is on no topic has none of either.
func RightsOf(service string) Rights {
	of, ok := rights[service]
	if !ok {
		return Rights{}
	}
	return Rights{Publish: append(slices.Clone(of.Publish), DeadLetters(service)), Subscribe: slices.Clone(of.Subscribe)}
}
