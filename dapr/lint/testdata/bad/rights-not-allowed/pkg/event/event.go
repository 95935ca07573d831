package event

const TopicSale = "topic-sale" // want code-without-topic: does not serve topic-sale

type Sale struct{ ID string }

func (*Sale) Topic() string { return TopicSale }
