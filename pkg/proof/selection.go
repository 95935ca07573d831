package proof

// A selection is a part of an export: only events with an entry, and of those such as somebody asked
// for. Every line of it proves that it is in the journal; nothing proves that none was left out. That
// takes the whole export.

// SelectionEnd is the last line of a page of a selection: where the next one begins. At the end of the
// selection that is the size of the checkpoint.
type SelectionEnd struct {
	Next uint64 `json:"next"`
}
