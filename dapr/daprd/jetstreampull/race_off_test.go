//go:build !race

package jetstreampull

const raceDetector = false
