package openapi

import "net/http"

// Delivery describes a route that takes a topic's events from the service's own sidecar.
func Delivery(topic string) Operation {
	text, object := Schema{"type": "string"}, Schema{"type": "object"}
	answer := Schema{
		"type": "object", "required": []string{"status", "success", "eventId", "message"},
		"properties": Schema{"status": Schema{"enum": []string{"SUCCESS", "RETRY", "DROP"}}, "success": Schema{"type": "boolean"}, "eventId": text, "message": text, "entryId": text},
	}
	return Operation{
		Tag: "deliveries from the sidecar", Summary: "Take events of " + topic,
		Details: "One CloudEvent, or Dapr's bulk of them. The answer is always 200; its status says what the sidecar does with the event: forget it, bring it again, or put it on the dead-letter topic.",
		Status:  http.StatusOK, Body: object,
		Answer: Schema{"anyOf": []Schema{answer, {
			"type": "object", "required": []string{"statuses"},
			"properties": Schema{"statuses": Schema{"type": "array", "items": answer}},
		}}},
	}
}
