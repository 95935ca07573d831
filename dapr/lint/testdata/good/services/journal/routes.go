package journal

var routes = []route{
	{"/sale", event.TopicSale},
}
