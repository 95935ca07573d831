package auth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/auth/authtest"
)

// FuzzToken tries tokens and API keys: nothing but what was issued is let in, and nothing panics.
func FuzzToken(f *testing.F) {
	var private [2]jose.JSONWebKey
	for i, raw := range []string{ // fixed, so that the corpus stays what it is
		`{"kty":"OKP","crv":"Ed25519","kid":"users","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		`{"kty":"OKP","crv":"Ed25519","kid":"tills","alg":"EdDSA","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw","d":"TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs"}`,
	} {
		var err error
		if private[i], err = auth.ParseSigningKey(raw); err != nil {
			f.Fatal(err)
		}
	}
	verifier := auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) {
		set, ok := map[string]jose.JSONWebKeySet{auth.UserIssuer: auth.PublicSet(private[0]), auth.TerminalIssuer: auth.PublicSet(private[1])}[issuer]
		return set, ok
	}, clock)
	house := authtest.House{Users: private[0], Tills: private[1], Now: now, TenantID: "acme", StoreCode: "s1", TerminalNo: 1, APIKey: "acme-s1-1.key"}
	good := strings.TrimPrefix(house.Good().Get("Authorization"), "Bearer ")
	if _, err := verifier.Verify(good); err != nil {
		f.Fatal(err)
	}
	for _, header := range house.Forged() {
		f.Add(strings.TrimPrefix(header.Get("Authorization"), "Bearer ")+header.Get("X-Api-Key"), "")
	}
	f.Add(good, "x")
	f.Fuzz(func(t *testing.T, token, behind string) {
		// Claims and header of a good token are known; only who has the key can sign others.
		if p, err := verifier.Verify(token); err == nil && strings.SplitN(token, ".", 3)[1] != strings.Split(good, ".")[1] {
			t.Fatalf("%q lets %+v in", token, p)
		}
		if p, err := verifier.Verify(good + behind); err == nil && behind != "" && strings.Trim(behind, "\r\n") != "" {
			t.Fatalf("a good token with %q behind it lets %+v in", behind, p)
		}
		if id, ok := auth.APIKeyTerminal(token); ok && (id == "" || strings.ContainsAny(id, "./\\$\x00 '\"")) {
			t.Fatalf("%q claims to be of %q", token, id)
		}
		if auth.MatchFingerprint(token, behind) && behind != auth.Fingerprint(token) {
			t.Fatalf("%q matches %q", token, behind)
		}
	})
}

// FuzzKeys reads what a secret store could hold: a key that is read can be used, and a set never holds
// a private key.
func FuzzKeys(f *testing.F) {
	for _, raw := range []string{
		`{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[]}`, `{"keys":null}`, `{}`, `null`, `[]`, ``, `{"kty":"oct","k":"AAAA"}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		`{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if key, err := auth.ParseSigningKey(string(raw)); err == nil {
			issuer, err := auth.NewIssuer(auth.UserIssuer, key, clock)
			if err != nil {
				t.Fatalf("%s is read and cannot sign: %v", raw, err)
			}
			token, err := issuer.Issue(admin, time.Hour)
			if err != nil {
				t.Fatalf("%s is read and cannot sign: %v", raw, err)
			}
			verifier := auth.NewVerifier(func(string) (jose.JSONWebKeySet, bool) { return auth.PublicSet(key), true }, clock)
			_, _ = verifier.Verify(token) // the two halves of a key need not belong together
		}
		if set, err := auth.ParseSet(string(raw)); err == nil {
			text, err := json.Marshal(set)
			if err != nil || strings.Contains(string(text), `"d":`) {
				t.Fatalf("%s is a set of %s, %v", raw, text, err)
			}
		}
	})
}
