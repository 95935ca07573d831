package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"
)

// Tolerances of clocks. Tokens are checked with half a minute of leeway.
const (
	mostSkew   = 20 * time.Second
	fileLeeway = 2 * time.Second // between a file system's clock and ours
)

// Clock tells what can be told of the clock: whether the system keeps it (Linux), whether files of the data
// folder come from the future, and whether the services on other machines have the same time.
func Clock(ctx context.Context, now func() time.Time, kept func() (synchronised, known bool), data string, services []string) Check {
	const name = "clock"
	if ahead, file := newest(data, now()); ahead > fileLeeway {
		return Check{name, Fail, fmt.Sprintf("%s was written %s in the future: the clock was set back", file, ahead.Round(time.Second)),
			"Set the clock right. The journal takes events as they say, but tokens are refused and business dates are wrong."}
	}
	for _, address := range services {
		skew, err := askTime(ctx, address, now)
		if err == nil && (skew > mostSkew || skew < -mostSkew) {
			return Check{name, Fail, fmt.Sprintf("this clock and that of %s are %s apart", address, skew.Abs().Round(time.Second)),
				"Let both follow a time server (chrony, systemd-timesyncd): tokens are refused when clocks differ by more than half a minute."}
		}
	}
	synchronised, known := kept()
	switch {
	case !known:
		return fine(name, "nothing speaks against it; this system does not tell whether a time server keeps it right")
	case !synchronised:
		return Check{name, Warn, "nothing speaks against it, but no time server keeps it right",
			"Switch one on: timedatectl set-ntp true. (In a container the host does it, and cannot be asked.)"}
	}
	return fine(name, "a time server keeps it right")
}

// newest is how far the youngest file of the folder lies in the future.
func newest(folder string, now time.Time) (ahead time.Duration, file string) {
	if folder == "" {
		return 0, ""
	}
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // a folder that is not ours or not there
		}
		if info, err := d.Info(); err == nil && !d.IsDir() && info.ModTime().Sub(now) > ahead {
			ahead, file = info.ModTime().Sub(now), path
		}
		return nil
	})
	return ahead, file
}

// askTime compares clocks by the Date of an answer, which has whole seconds.
func askTime(ctx context.Context, address string, now func() time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/healthz", nil)
	if err != nil {
		return 0, err
	}
	before := now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	there, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return 0, err
	}
	return there.Sub(before.Add(now().Sub(before) / 2)), nil
}
