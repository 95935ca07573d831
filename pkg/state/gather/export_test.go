package gather

// Waiting is how many writes and reads wait for their turn.
func (s *Store) Waiting() int { return s.writes.length() + s.reads.length() }

func (l *line[J]) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}
