package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

const (
	maxSubjects    = 32
	maxSubjectName = 2048 // bytes
	maxGroups      = 64
	maxGroupName   = 256 // bytes
)

// ErrOtherIssuer: the certificate's subject is an account's, but with another
// issuing CA.
var ErrOtherIssuer = errors.New("registered with another issuing CA")

// subjectIndex is the key of a subject in catalog.AccountNames, "" when it has
// none. A certificate's is by its name alone, so that a name belongs to one
// account, whoever issued it.
func subjectIndex(s *catalog.Subject) string {
	switch s.Kind {
	case catalog.SubjectCertificate:
		return dnIndex + digest(s.Name)
	case catalog.SubjectOIDC:
		return oidcIndex + digest(s.Issuer+"\x00"+s.Name)
	}
	return ""
}

// digest makes an index of limited length of any text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// ByCertificate finds the account of a certificate: its subject and its issuing
// CA's, both as RFC 2253 writes them. Errors: ErrNotFound; ErrOtherIssuer when
// the subject is registered, but not with that CA.
func (s *Service) ByCertificate(ctx context.Context, subject, issuer string) (*catalog.Account, error) {
	want := catalog.Subject{Kind: catalog.SubjectCertificate, Name: subject, Issuer: issuer}
	a, err := s.by(ctx, subjectIndex(&want))
	if err != nil {
		return nil, err
	}
	for i := range a.Subjects {
		if sameSubject(&a.Subjects[i], &want) {
			return a, nil
		}
	}
	return nil, ErrOtherIssuer
}

// ByOIDC finds the account of a subject of an OpenID Connect issuer; the error
// wraps ErrNotFound when there is none.
func (s *Service) ByOIDC(ctx context.Context, issuer, subject string) (*catalog.Account, error) {
	want := catalog.Subject{Kind: catalog.SubjectOIDC, Name: subject, Issuer: issuer}
	a, err := s.by(ctx, subjectIndex(&want))
	if err != nil {
		return nil, err
	}
	for i := range a.Subjects {
		if sameSubject(&a.Subjects[i], &want) {
			return a, nil
		}
	}
	return nil, ErrNotFound
}

func sameSubject(a, b *catalog.Subject) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Issuer == b.Issuer
}

// AddSubject lets a further subject act as the account. ErrExists when it is
// another account's; adding one that is there already changes nothing.
func (s *Service) AddSubject(ctx context.Context, accountID string, sub catalog.Subject) error {
	if sub.Kind == catalog.SubjectPassword {
		return invalid(errors.New("a password is set with SetPassword"))
	}
	sub.Added, sub.Hash = s.now(), ""
	_, err := s.Update(ctx, accountID, func(a *catalog.Account) error {
		if !slices.ContainsFunc(a.Subjects, func(have catalog.Subject) bool { return sameSubject(&have, &sub) }) {
			a.Subjects = append(a.Subjects, sub)
		}
		return nil
	})
	return err
}

// RemoveSubject takes a subject from the account, and ends all its sessions.
// ErrNotFound when it is not the account's.
func (s *Service) RemoveSubject(ctx context.Context, accountID string, sub catalog.Subject) error {
	_, err := s.Update(ctx, accountID, func(a *catalog.Account) error {
		n := len(a.Subjects)
		a.Subjects = slices.DeleteFunc(a.Subjects, func(have catalog.Subject) bool { return sameSubject(&have, &sub) })
		if len(a.Subjects) == n {
			return fmt.Errorf("subject %q: %w", sub.Name, ErrNotFound)
		}
		a.SessionEpoch++
		return nil
	})
	return err
}

// checkSubjects tells what is wrong with an account's subjects and groups.
func checkSubjects(a *catalog.Account) error {
	if len(a.Subjects) > maxSubjects || len(a.Groups) > maxGroups {
		return fmt.Errorf("give at most %d subjects and %d groups: %w", maxSubjects, maxGroups, ErrTooMany)
	}
	passwords := 0
	for i := range a.Subjects {
		switch s := &a.Subjects[i]; s.Kind {
		case catalog.SubjectCertificate, catalog.SubjectOIDC:
			if s.Name == "" || s.Issuer == "" || len(s.Name)+len(s.Issuer) > maxSubjectName || strings.ContainsRune(s.Issuer+s.Name, 0) {
				return fmt.Errorf("subject %d: give a name and an issuer, at most %d bytes together", i+1, maxSubjectName)
			}
		case catalog.SubjectPassword:
			if passwords++; passwords > 1 || s.Hash == "" {
				return errors.New("an account has one password at most, kept hashed")
			}
		default:
			return fmt.Errorf("subject kind %q is unknown", s.Kind)
		}
	}
	for _, g := range a.Groups {
		if g == "" || len(g) > maxGroupName || hasControl(g) {
			return fmt.Errorf("group %q: give 1 to %d bytes, without control characters", g, maxGroupName)
		}
	}
	return nil
}
