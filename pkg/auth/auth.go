// Package auth says who is calling and what they may do.
//
// Users (administrator, auditor, platform operator) carry a JWT of the user issuer; terminals prove
// themselves with an API key or the short-lived JWT that it buys from the terminal service. Tokens
// are signed with Ed25519 only; verification keys are JWK sets, several at a time, so that a key can
// be changed without a stop. The package knows no routes: a service says per route who may come.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Role of a caller.
type Role string

// The roles. An administrator searches and manages a tenant, an auditor searches, proves and
// exports, a platform operator makes tenants and sees health, a terminal acts for itself.
const (
	Administrator Role = "administrator"
	Auditor       Role = "auditor"
	Platform      Role = "platform"
	TerminalRole  Role = "terminal"
)

// UserRoles are the roles that a user token may carry.
var UserRoles = []Role{Administrator, Auditor, Platform}

// Issuers of tokens, and the audience that all of them name.
const (
	UserIssuer     = "tillroll-users"
	TerminalIssuer = "tillroll-terminal"
	Audience       = "tillroll"
)

// leeway for clocks that are not quite together.
const leeway = 30 * time.Second

// algorithms that are accepted; everything else, none included, is refused before any key is tried.
var algorithms = []jose.SignatureAlgorithm{jose.EdDSA}

// Principal is who is calling. TenantID is empty only for a platform operator.
type Principal struct {
	Subject  string
	Role     Role
	TenantID string
	Terminal *TerminalClaims // of a terminal only
}

// TerminalClaims are what a terminal's token says of it. Version is that of the terminal's snapshot:
// whoever has an older copy believes the token.
type TerminalClaims struct {
	StoreCode       string `json:"store_code"`
	TerminalNo      int    `json:"terminal_no"`
	Version         uint64 `json:"version"`
	Status          string `json:"status"`
	BusinessDate    string `json:"business_date,omitempty"`
	OpenCounter     int    `json:"open_counter"`
	BusinessCounter int    `json:"business_counter"`
	StaffID         string `json:"staff_id,omitempty"`
	StaffName       string `json:"staff_name,omitempty"`
}

// TerminalIdentity of a terminal's principal.
func (p *Principal) TerminalIdentity() identity.Terminal {
	return identity.Terminal{TenantID: p.TenantID, StoreCode: p.Terminal.StoreCode, TerminalNo: p.Terminal.TerminalNo}
}

// Is tells whether p has one of roles.
func (p *Principal) Is(roles ...Role) bool { return slices.Contains(roles, p.Role) }

// claims is the token's body.
type claims struct {
	jwt.Claims
	Role     Role            `json:"role"`
	TenantID string          `json:"tenant_id,omitempty"`
	Terminal *TerminalClaims `json:"terminal,omitempty"`
}

// Issuer signs tokens.
type Issuer struct {
	name   string
	signer jose.Signer
	now    func() time.Time
}

// NewIssuer signs with key, a private Ed25519 JWK, as the issuer of that name.
func NewIssuer(name string, key jose.JSONWebKey, now func() time.Time) (*Issuer, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("auth: the signing key of %s cannot be used: %w", name, err)
	}
	return &Issuer{name: name, signer: signer, now: now}, nil
}

// Issue makes a token for p that lasts so long.
func (i *Issuer) Issue(p Principal, life time.Duration) (string, error) {
	now := i.now()
	return jwt.Signed(i.signer).Claims(claims{
		Claims: jwt.Claims{
			Issuer: i.name, Subject: p.Subject, Audience: jwt.Audience{Audience},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(life)),
		},
		Role: p.Role, TenantID: p.TenantID, Terminal: p.Terminal,
	}).Serialize()
}

// Verifier checks tokens against the key sets of their issuers.
type Verifier struct {
	keys func(issuer string) (jose.JSONWebKeySet, bool)
	now  func() time.Time
}

// NewVerifier gets an issuer's current keys from keys on every call, so that they can change.
func NewVerifier(keys func(issuer string) (jose.JSONWebKeySet, bool), now func() time.Time) *Verifier {
	return &Verifier{keys: keys, now: now}
}

// Verify checks a token and says whose it is. It fails with problem.Unauthenticated.
func (v *Verifier) Verify(token string) (*Principal, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, refuse("the token is not an EdDSA-signed JWT", err)
	}
	var unverified claims
	if err := parsed.UnsafeClaimsWithoutVerification(&unverified); err != nil {
		return nil, refuse("the token cannot be read", err)
	}
	set, known := v.keys(unverified.Issuer)
	if !known {
		return nil, refuse("the token's issuer is not trusted here", nil)
	}
	var c claims
	if err := parsed.Claims(set, &c); err != nil {
		return nil, refuse("the token's signature does not hold", err)
	}
	if err := c.ValidateWithLeeway(jwt.Expected{Issuer: unverified.Issuer, AnyAudience: jwt.Audience{Audience}, Time: v.now()}, leeway); err != nil {
		return nil, refuse("the token is not valid now or not meant for Tillroll", err)
	}
	if c.Expiry == nil {
		return nil, refuse("the token never expires", nil)
	}
	p := &Principal{Subject: c.Subject, Role: c.Role, TenantID: c.TenantID, Terminal: c.Terminal}
	return p, p.plausible(c.Issuer)
}

// plausible makes sure that an issuer says only what is its to say.
func (p *Principal) plausible(issuer string) error {
	switch issuer {
	case TerminalIssuer:
		if p.Role == TerminalRole && p.Terminal != nil && p.TerminalIdentity().Validate() == nil {
			return nil
		}
	default:
		tenantFits := identity.ValidCode(p.TenantID) || p.Role == Platform && p.TenantID == ""
		if p.Terminal == nil && slices.Contains(UserRoles, p.Role) && tenantFits {
			return nil
		}
	}
	return refuse("the token's claims do not fit its issuer", nil)
}

func refuse(detail string, cause error) error {
	return problem.Unauthenticated.New(detail).Because(cause)
}

// API keys of terminals: "<terminal_id>.<43 characters>". The id in front only tells where to look;
// it is compared as a whole and never taken apart.

// NewAPIKey makes a key of 32 bytes from random and its fingerprint.
func NewAPIKey(random io.Reader, terminalID string) (key, fingerprint string, err error) {
	secret := make([]byte, 32)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", "", fmt.Errorf("auth: no randomness: %w", err)
	}
	key = terminalID + "." + base64.RawURLEncoding.EncodeToString(secret)
	return key, Fingerprint(key), nil
}

// APIKeyTerminal is the terminal_id that a key claims. What cannot be one is not looked for anywhere.
func APIKeyTerminal(key string) (terminalID string, ok bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 1 || len(key) > 200 || strings.Trim(key[:i], "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return "", false
	}
	return key[:i], true
}

// Fingerprint of a key: SHA-256 in hex. A key is 256 random bits, so no slow hash is needed.
func Fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// MatchFingerprint compares in constant time.
func MatchFingerprint(key, fingerprint string) bool {
	return len(fingerprint) == 64 && subtle.ConstantTimeCompare([]byte(Fingerprint(key)), []byte(fingerprint)) == 1
}
