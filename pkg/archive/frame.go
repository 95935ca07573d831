package archive

import (
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// What stands in which skippable frame.
const (
	rowsFrame      = 0x184D2A51
	directoryFrame = 0x184D2A52
	trailerFrame   = 0x184D2A53
)

const (
	frameHead   = 8 // magic number and length of a skippable frame
	trailerMark = "tillroll"
	trailerSize = 32
)

// Bounds of what is read: whatever a file says of itself, no more memory than that is taken for a part
// of it.
const (
	MaxLine      = 48 << 20 // bytes of one line: an event has at most 8 MiB, and an entry repeats its texts
	MaxDirectory = 64 << 20
	groupSize    = 256 << 10
	maxGroup     = groupSize + MaxLine
)

func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
}

// decoders for whole frames, by the most that a frame may hold.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(max(maxGroup, MaxDirectory)), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // only of options that cannot be
	}
	return d
})

func skippable(magic uint32, content []byte) []byte {
	b := make([]byte, 0, frameHead+len(content))
	b = binary.LittleEndian.AppendUint32(b, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}
