package event

const TopicSale = "topic-sale"

type Sale struct{ ID string }

func (*Sale) Topic() string { return TopicSale }
