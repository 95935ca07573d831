package cart

var routes = []route{
	{"/sale", event.TopicSale}, // want code-without-topic: cart takes topic-sale at /api/v1/sale, and no subscription
}

func sell() any { return &event.Sale{ID: "1"} }
