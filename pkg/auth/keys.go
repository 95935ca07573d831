package auth

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
)

// NewSigningKey makes a private Ed25519 JWK with a random key id.
func NewSigningKey(random io.Reader) (jose.JSONWebKey, error) {
	_, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("auth: %w", err)
	}
	id := make([]byte, 8)
	if _, err := io.ReadFull(random, id); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("auth: no randomness: %w", err)
	}
	return jose.JSONWebKey{Key: private, KeyID: hex.EncodeToString(id), Algorithm: string(jose.EdDSA), Use: "sig"}, nil
}

// ParseSigningKey reads a private Ed25519 JWK.
func ParseSigningKey(raw string) (jose.JSONWebKey, error) {
	var k jose.JSONWebKey
	if err := json.Unmarshal([]byte(raw), &k); err != nil {
		return k, fmt.Errorf("auth: signing key is not a JWK: %w", err)
	}
	if _, ok := k.Key.(ed25519.PrivateKey); !ok {
		return k, fmt.Errorf("auth: signing key is %T, not a private Ed25519 key", k.Key)
	}
	return k, nil
}

// PublicSet is the JWK set that verifies what keys sign.
func PublicSet(keys ...jose.JSONWebKey) jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// ParseSet reads a JWK set of Ed25519 verification keys.
func ParseSet(raw string) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(raw), &set); err != nil {
		return set, fmt.Errorf("auth: not a JWK set: %w", err)
	}
	for _, k := range set.Keys {
		if _, ok := k.Key.(ed25519.PublicKey); !ok {
			return set, fmt.Errorf("auth: key %q in the set is %T, not a public Ed25519 key", k.KeyID, k.Key)
		}
	}
	return set, nil
}
