//go:build !linux

package doctor

// Kept cannot be told here.
func Kept() (synchronised, known bool) { return false, false }
