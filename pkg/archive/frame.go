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
	MaxDirectory = 16 << 20
	groupSize    = 256 << 10
	maxGroup     = groupSize + MaxLine
)

// encoder and decoder are for whole frames, for everybody at once: they are dear to make.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) // only of options that cannot be
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxGroup), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err)
	}
	return d
})

func skippable(magic uint32, content []byte) []byte {
	b := make([]byte, 0, frameHead+len(content))
	b = binary.LittleEndian.AppendUint32(b, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}

func isSkippable(b []byte, magic uint32, length int64) bool {
	return int64(len(b)) == frameHead+length && binary.LittleEndian.Uint32(b) == magic && int64(binary.LittleEndian.Uint32(b[4:])) == length
}

// unpack reads a frame that must hold raw bytes, at most most, into room if there is room.
func unpack(packed []byte, raw, most int64, room []byte) ([]byte, error) {
	if raw < 0 || raw > most {
		return nil, damaged("a part of it has %d bytes, it may have %d", raw, most)
	}
	if int64(cap(room)) < raw {
		room = make([]byte, 0, raw)
	}
	b, err := decoder().DecodeAll(packed, room[:0:raw])
	if err != nil || int64(len(b)) != raw {
		return nil, damaged("a part of it cannot be unpacked")
	}
	return b, nil
}
