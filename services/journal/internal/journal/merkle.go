package journal

import "github.com/tillroll/tillroll/pkg/proof"

// PackHashes writes hashes one behind the other, as stores keep the tiles of the log.
func PackHashes(hashes []Hash) []byte {
	out := make([]byte, 0, len(hashes)*len(Hash{}))
	for i := range hashes {
		out = append(out, hashes[i][:]...)
	}
	return out
}

// UnpackHashes reads what PackHashes wrote; what is left over at the end is no hash.
func UnpackHashes(packed []byte) []Hash {
	out := make([]Hash, 0, proof.TileWidth)
	for ; len(packed) >= len(Hash{}); packed = packed[len(Hash{}):] {
		out = append(out, Hash(packed[:len(Hash{})]))
	}
	return out
}
