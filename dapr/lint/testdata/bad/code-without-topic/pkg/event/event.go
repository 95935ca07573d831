package event

const TopicSale = "topic-sale"

const TopicGift = "topic-gift" // want code-without-topic: does not serve topic-gift

type Sale struct{ ID string }

func (*Sale) Topic() string { return TopicSale }
