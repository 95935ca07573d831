package cart

func sell() any { return &event.Sale{ID: "1"} }
