package cart

func sell() any { return &event.Sale{ID: "1"} } // want rights: cart publishes to topic-sale and has no right
