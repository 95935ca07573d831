package sqlitestore

import "fmt"

// documentViews show what is stored as the documents of the journal model, with its names for
// everything: doc_journal, doc_log_tran and so on. The tables keep less: the tenant is the file's, what
// stands in an event's text stands there only once, and what follows from other fields is not kept.
func documentViews() string {
	const entryAmount = `CASE WHEN j.amount_micros = 0 THEN CAST(j.amount_whole AS TEXT) ELSE rtrim(printf('%s%d.%06d', iif(j.amount_whole < 0, '-', ''),
		iif(j.amount_whole < 0, -(j.amount_whole + 1), j.amount_whole), iif(j.amount_whole < 0, 1000000 - j.amount_micros, j.amount_micros)), '0') END`
	out := documentView("journal", "coalesce(t.content, c.content, o.content, d.content)", "x.business_date", `x.transaction_no, x.transaction_type,
	x.business_date, x.open_counter, x.business_counter, x.receipt_no, x.amount, x.quantity, x.staff_id, x.user_id,
	x.generate_date_time, x.journal_text, x.receipt_text`, `(SELECT j.*, `+entryAmount+` AS amount FROM journal j)`,
		`LEFT JOIN log_tran t ON t.id = x.id LEFT JOIN log_cash_in_out c ON c.id = x.id LEFT JOIN log_open_close o ON o.id = x.id LEFT JOIN log_direct d ON d.id = x.id`)
	session := fromContent("store_name", "staff_id", "staff_name", "business_counter", "generate_date_time", "receipt_text", "journal_text")
	out += documentView("log_cash_in_out", "x.content", "x.business_date", "x.business_date, x.open_counter"+session+fromContent("amount", "description")+", x.content", "log_cash_in_out", "")
	out += documentView("log_open_close", "x.content", "x.business_date", "x.business_date, x.open_counter, x.operation"+session+
		fromContent("terminal_info", "cart_transaction_count", "cart_transaction_last_no", "cash_in_out_count", "cash_in_out_last_datetime")+", x.content", "log_open_close", "")
	out += documentView("log_tran", "x.content", "x.business_date", "x.business_date, x.open_counter, x.transaction_no, x.cart_id"+
		fromContent("store_name", "transaction_type", "receipt_no", "business_counter", "generate_date_time")+", x.content", "log_tran", "")
	out += documentView("log_event", "x.content", "strftime('%Y%m%d', x.occurred_at / 1000000, 'unixepoch')", "x.event_type, x.correlation_id, e.producer, e.sequence, x.content", "log_event", "")
	return out
}

// documentView is the view of one collection: its own columns between those that all documents have.
func documentView(name, content, date, columns, from, joins string) string {
	return fmt.Sprintf(`
CREATE VIEW IF NOT EXISTS doc_%[1]s AS SELECT e.event_id AS _id, json_extract(%[2]s, '$.tenant_id') AS tenant_id, x.store_code, x.terminal_no, %[4]s,
	json_extract(%[2]s, '$.tenant_id') || '_' || x.store_code || '_' || x.terminal_no || '_' || %[3]s AS shard_key,
	strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', e.committed_at / 1000000.0, 'unixepoch') AS created_at,
	strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', e.committed_at / 1000000.0, 'unixepoch') AS updated_at,
	NULL AS cached_on, lower(hex(e.content_hash)) AS etag
FROM %[5]s x JOIN event_ids e ON e.id = x.id %[6]s;`, name, content, date, columns, from, joins)
}

func fromContent(fields ...string) string {
	out := ""
	for _, f := range fields {
		out += ", json_extract(x.content, '$." + f + "') AS " + f
	}
	return out
}
