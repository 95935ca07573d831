// Package archive is the journal's long memory: segments, files that hold the events of one store and
// one business date with everything that proves them, and the port to where such files are kept.
//
// A segment needs no database and no service to be read, for ever: `zstd -dc 2026-01-31.1.seg` prints
// a line of JSON that says whose it is, and then one line of JSON for every event, exactly as an export
// of the journal has it (pkg/proof): content, entry, link, and the path from there to a checkpoint that
// the journal signed. With the public key alone anybody can tell that all of it is as it was.
//
// # Format, version 1
//
// A segment is a sequence of zstd frames (RFC 8878), all with checksums. What only helps a program to find
// its way stands in skippable frames, which every zstd decoder passes over:
//
//	head       a frame: the Header, a line of JSON
//	group …    a frame: some events, whole lines of JSON, about 256 KB before compression
//	           a skippable frame: what there is in the group, a row for each event
//	directory  a skippable frame: the manifest and where the groups are, JSON
//	trailer    a skippable frame of fixed length: where the directory is
//
// So one event is read by reading the trailer, the directory, and one group. Numbers of skippable frames
// and of the trailer are little-endian, as zstd has them. The content of a skippable frame is itself a
// zstd frame, but that of the trailer, which is 32 bytes: "tillroll", then offset, length and length
// before compression of the directory's content, 8 bytes each.
//
// Rows are only for finding: everything in them can be read off the lines, and Verify does so. How a row
// is written, stands beside appendRow.
//
// The order of the lines is that of the tenant's log. What is missing between them belongs to other
// stores, other dates or other parts of this one.
//
// The package knows neither databases nor who archives when.
package archive
