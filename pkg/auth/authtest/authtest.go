// Package authtest makes what an attacker sends: credentials that prove nothing, and identifiers that
// try to be something else. The tests of every service send all of it to every route.
package authtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
)

// House is whom a service trusts: the keys with which its issuers sign, the time, and whose
// administrator, terminal and API key an attacker would like to be.
type House struct {
	Users, Tills jose.JSONWebKey
	Now          time.Time
	TenantID     string
	StoreCode    string
	TerminalNo   int
	APIKey       string // a good one
}

// Forged are credentials of which none may open anything, by what is wrong with them.
func (h House) Forged() map[string]http.Header {
	out := map[string]http.Header{}
	for name, token := range h.tokens() {
		out["token: "+name] = http.Header{"Authorization": {"Bearer " + token}}
	}
	good := sign(h.Users, nil, h.admin(nil))
	for name, value := range map[string]string{
		"of another scheme": "Token " + good, "without a scheme": good, "basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin")),
		"with nothing in it": "Bearer ", "a scheme alone": "Bearer", "two tokens": "Bearer " + good + " " + good, "a list": "Bearer " + good + ", Bearer " + good,
	} {
		out["header: "+name] = http.Header{"Authorization": {value}}
	}
	out["header: a bad one before a good one"] = http.Header{"Authorization": {"Bearer x.y.z", "Bearer " + good}}
	out["header: a bad token beside a good key"] = http.Header{"Authorization": {"Bearer x.y.z"}, "X-Api-Key": {h.APIKey}}
	for name, key := range h.apiKeys() {
		out["key: "+name] = http.Header{"X-Api-Key": {key}}
	}
	out["nothing at all"] = http.Header{}
	out["a token in a cookie"] = http.Header{"Cookie": {"Authorization=Bearer " + good + "; access_token=" + good}}
	out["names of people"] = http.Header{"X-User": {"admin"}, "X-Role": {"administrator"}, "X-Tenant-Id": {h.TenantID}, "X-Forwarded-User": {"admin"}, "Dapr-Caller-App-Id": {"terminal"}}
	return out
}

// Good is a credential of the tenant's administrator, made as the forged ones are but for nothing wrong
// with it: the control of every test that sends those.
func (h House) Good() http.Header {
	return http.Header{"Authorization": {"Bearer " + sign(h.Users, nil, h.admin(nil))}}
}

type claims = map[string]any

// admin are good claims of the tenant's administrator, with changes; nil takes one away.
func (h House) admin(change claims) claims {
	c := claims{
		"iss": auth.UserIssuer, "aud": auth.Audience, "sub": "ann", "role": "administrator", "tenant_id": h.TenantID,
		"iat": h.Now.Unix(), "nbf": h.Now.Unix(), "exp": h.Now.Add(time.Hour).Unix(),
	}
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func (h House) tokens() map[string]string {
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	stranger := jose.JSONWebKey{Key: foreign, KeyID: "stranger"}
	posing := jose.JSONWebKey{Key: foreign, KeyID: h.Users.KeyID}
	good := sign(h.Users, nil, h.admin(nil))
	parts := strings.Split(good, ".")
	all := map[string]string{
		"empty": "", "garbage": "garbage", "dots": "..", "three words": "a.b.c", "huge": strings.Repeat("a", 1<<16),
		"without its signature": parts[0] + "." + parts[1] + ".", "with half a signature": good[:len(good)-20],
		"with another's claims":                     parts[0] + "." + encode(h.admin(claims{"role": "platform", "tenant_id": ""})) + "." + parts[2],
		"of an unknown key":                         sign(stranger, nil, h.admin(nil)),
		"of a stranger who names the right key":     sign(posing, nil, h.admin(nil)),
		"that brings its own key":                   sign(jose.JSONWebKey{Key: foreign}, claims{"jwk": stranger.Public()}, h.admin(nil)),
		"that says where its key lies":              sign(stranger, claims{"jku": "https://example.org/jwks.json"}, h.admin(nil)),
		"with a critical extension":                 sign(h.Users, claims{"crit": []string{"x"}, "x": 1}, h.admin(nil)),
		"in the JSON form":                          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"of an unknown issuer":                      sign(h.Users, nil, h.admin(claims{"iss": "somebody"})),
		"of no issuer":                              sign(h.Users, nil, h.admin(claims{"iss": nil})),
		"for another audience":                      sign(h.Users, nil, h.admin(claims{"aud": "elsewhere"})),
		"for nobody":                                sign(h.Users, nil, h.admin(claims{"aud": nil})),
		"that has expired":                          sign(h.Users, nil, h.admin(claims{"exp": h.Now.Add(-time.Hour).Unix()})),
		"that never expires":                        sign(h.Users, nil, h.admin(claims{"exp": nil})),
		"that is not valid yet":                     sign(h.Users, nil, h.admin(claims{"nbf": h.Now.Add(time.Hour).Unix(), "exp": h.Now.Add(2 * time.Hour).Unix()})),
		"with a role that is none":                  sign(h.Users, nil, h.admin(claims{"role": "root"})),
		"with two roles":                            sign(h.Users, nil, h.admin(claims{"role": []string{"administrator", "platform"}})),
		"without a role":                            sign(h.Users, nil, h.admin(claims{"role": nil})),
		"without a tenant":                          sign(h.Users, nil, h.admin(claims{"tenant_id": nil})),
		"with a tenant that is an operator":         sign(h.Users, nil, h.admin(claims{"tenant_id": "$where"})),
		"with a tenant that is an object":           sign(h.Users, nil, h.admin(claims{"tenant_id": claims{"$ne": ""}})),
		"of the users' issuer for a terminal":       sign(h.Users, nil, h.admin(claims{"role": "terminal", "terminal": h.terminal()})),
		"of the terminals' issuer for a person":     sign(h.Tills, nil, h.admin(claims{"iss": auth.TerminalIssuer})),
		"of the terminals' key as the users":        sign(h.Tills, nil, h.admin(nil)),
		"of the users' key as the terminals":        sign(h.Users, nil, h.admin(claims{"iss": auth.TerminalIssuer, "role": "terminal", "terminal": h.terminal()})),
		"of a terminal that is a platform operator": sign(h.Tills, nil, h.admin(claims{"iss": auth.TerminalIssuer, "role": "platform", "tenant_id": "", "terminal": h.terminal()})),
		"of a terminal without a number":            sign(h.Tills, nil, h.admin(claims{"iss": auth.TerminalIssuer, "role": "terminal", "terminal": claims{"store_code": h.StoreCode}})),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		head := encode(claims{"alg": none, "typ": "JWT", "kid": h.Users.KeyID})
		all["of the algorithm "+none+" without a signature"] = head + "." + parts[1] + "."
		all["of the algorithm "+none+" with another's signature"] = head + "." + parts[1] + "." + parts[2]
	}
	// The public key is no secret: who takes it for one in an HMAC is fooled by anybody.
	public := h.Users.Public()
	raw := public.Key.(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(raw)
	must(err)
	text, err := json.Marshal(public)
	must(err)
	for form, secret := range map[string][]byte{
		"raw": raw, "DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWK": text,
	} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithHeader("kid", h.Users.KeyID))
		must(err)
		all["HMAC with the public key, "+form] = signed(signer, h.admin(nil))
	}
	return all
}

func (h House) terminal() claims {
	return claims{"store_code": h.StoreCode, "terminal_no": h.TerminalNo, "version": 1, "status": "Opened"}
}

func (h House) apiKeys() map[string]string {
	id, _ := auth.APIKeyTerminal(h.APIKey)
	secret := h.APIKey[len(id)+1:]
	return map[string]string{
		"without a terminal": secret, "of an empty terminal": "." + secret, "without a secret": id + ".", "wrong": id + "." + strings.Repeat("A", 43),
		"cut short": h.APIKey[:len(h.APIKey)-1], "with something behind": h.APIKey + "A", "of a terminal that is none": "nobody-s1-1." + secret,
		"of an operator": `{"$ne":""}.` + secret, "of a path": "../../etc/passwd." + secret, "with a zero byte": id + "\x00." + secret,
		"fingerprint": id + "." + auth.Fingerprint(h.APIKey), "huge": id + "." + strings.Repeat("A", 1<<16), "in capitals": strings.ToUpper(id) + "." + secret,
	}
}

func sign(key jose.JSONWebKey, header claims, body claims) string {
	options := &jose.SignerOptions{}
	options.WithType("JWT")
	for k, v := range header {
		options.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, options)
	must(err)
	return signed(signer, body)
}

func signed(s jose.Signer, body claims) string {
	text, err := json.Marshal(body)
	must(err)
	object, err := s.Sign(text)
	must(err)
	token, err := object.CompactSerialize()
	must(err)
	return token
}

func encode(v any) string {
	text, err := json.Marshal(v)
	must(err)
	return base64.RawURLEncoding.EncodeToString(text)
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("authtest: %v", err)) // made of nothing that can fail
	}
}

// HostileCodes are tenant and store codes that try to be a path, a database, an operator, a statement
// or simply too much, as they stand in a path of a URL.
var HostileCodes = []string{
	"..%2Fx", "..%5Cx", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2Fetc%2Fpasswd", "a%2Fb", "a.b", "acme.journal", "x.db", "..", ".acme",
	"$where", "%24ne", "%7B%22$gt%22:%22%22%7D", "a%00", "%00", "acme%00.db", "acme%20", "%20acme", "acme%0A", "acme%0D%0AX-Evil:1",
	"'%3B%20DROP%20TABLE%20journal%3B--", "acme'%20OR%20'1'='1", "%22", "_platform", "_acme", "-acme", "acme-s1", "ACME", "Acme",
	"%C3%A9cole", "%E5%BA%97", "%EF%BD%81cme", "a%CC%81", "%E2%80%AEemca", "%F0%9F%98%80", "%ff%fe", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	strings.Repeat("a", 64), strings.Repeat("a", 5000), "a*", "%25", "%2525", "*", "~", "con:", "a;b", "a,b",
}
