//go:build race

package jetstreampull

const raceDetector = true
