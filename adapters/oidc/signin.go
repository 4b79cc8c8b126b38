package oidc

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/mucura/mucura/core/registration"
)

// Providers lists the issuers that people can sign in at.
func (s *Issuers) Providers() (list []registration.Provider) {
	for _, i := range s.list {
		if i.ClientID != "" {
			list = append(list, registration.Provider{Issuer: i.URL, Name: i.Name})
		}
	}
	return list
}

// Begin is where to send the browser of somebody who signs in (OpenID Connect
// Core 1.0, section 3.1, with PKCE, RFC 7636). redirect is where she comes back.
func (s *Issuers) Begin(ctx context.Context, issuer, redirect string, p registration.Proof) (string, error) {
	_, config, err := s.client(ctx, issuer, redirect)
	if err != nil {
		return "", err
	}
	return config.AuthCodeURL(p.State, oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.Verifier)), nil
}

// client is ours at an issuer.
func (s *Issuers) client(ctx context.Context, url, redirect string) (*issuer, *oauth2.Config, error) {
	i := s.find(url)
	if i == nil || i.ClientID == "" {
		return nil, nil, fmt.Errorf("nobody signs in at %q here", url)
	}
	p, _, err := i.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	return i, &oauth2.Config{
		ClientID: i.ClientID, ClientSecret: i.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID, "profile", "email"}, i.Scopes...),
	}, nil
}

// Finish exchanges the code the browser came back with for who signed in.
func (s *Issuers) Finish(ctx context.Context, issuer, redirect, code string, p registration.Proof) (*registration.Login, error) {
	i, config, err := s.client(ctx, issuer, redirect)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, i.http)
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(p.Verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange the code at %s: %w", issuer, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, fmt.Errorf("%s gave no ID token", issuer)
	}
	c, err := i.verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.token.Audience, i.ClientID) || subtle.ConstantTimeCompare([]byte(c.token.Nonce), []byte(p.Nonce)) != 1 {
		return nil, fmt.Errorf("the ID token of %s is not for this sign-in", issuer)
	}
	if err := c.fill(ctx, i, raw, tokens.AccessToken); err != nil {
		return nil, err
	}
	return c.login(i), nil
}

// login is who signed in.
func (c *claims) login(i *issuer) *registration.Login {
	verified, _ := c.all["email_verified"].(bool)
	return &registration.Login{
		Issuer: i.URL, Subject: c.token.Subject, Groups: c.groups(i), Expires: c.token.Expiry,
		Name: c.text("name"), UserName: c.text("preferred_username"), Email: c.text("email"), EmailVerified: verified, Claims: c.all,
	}
}

// Login tells who a token speaks for. A token that is for storage alone
// registers nobody: it was given to a job.
func (s *Issuers) Login(ctx context.Context, token string) (*registration.Login, error) {
	i, err := s.issuerOf(token)
	if err != nil {
		return nil, err
	}
	c, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if c.lacks(i, true) {
		if err := c.fill(ctx, i, token, ""); err != nil {
			return nil, err
		}
	}
	user, err := c.user(i)
	if err != nil {
		return nil, err
	}
	if user.Policy != "" {
		return nil, registration.ErrLimited
	}
	return c.login(i), nil
}
