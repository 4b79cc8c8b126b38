package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
)

// Hasher hashes passwords, slowly and with memory, as argon2id does. Hash gives
// a text that tells its own parameters; Verify compares in constant time, and
// tells with stale that the hash was made with weaker parameters than today's.
type Hasher interface {
	Hash(password string) (string, error)
	Verify(hash, password string) (ok, stale bool, err error)
}

const (
	minPassword = 10 // characters
	maxPassword = 256
)

// The errors of passwords.
var (
	// ErrPassword: no such account, or the password is wrong. Which of the two
	// is not told.
	ErrPassword = errors.New("name or password is wrong")
	// ErrNoPasswords: there are no passwords at this site.
	ErrNoPasswords = errors.New("passwords are not offered")
)

// SetPassword gives an account a password, in place of the one it had, and ends
// its sessions. With "" it takes the password away.
func (s *Service) SetPassword(ctx context.Context, accountID, password string) error {
	if s.Passwords == nil {
		return ErrNoPasswords
	}
	var hash string
	if password != "" {
		if n := utf8.RuneCountInString(password); n < minPassword || len(password) > maxPassword {
			return invalid(fmt.Errorf("password: give at least %d characters, at most %d bytes", minPassword, maxPassword))
		}
		var err error
		if hash, err = s.Passwords.Hash(password); err != nil {
			return fmt.Errorf("hash password: %w", err)
		}
	}
	_, err := s.Update(ctx, accountID, func(a *catalog.Account) error {
		s.putHash(a, hash)
		a.SessionEpoch++
		return nil
	})
	return err
}

func (s *Service) putHash(a *catalog.Account, hash string) {
	a.Subjects = slices.DeleteFunc(a.Subjects, func(sub catalog.Subject) bool { return sub.Kind == catalog.SubjectPassword })
	if hash != "" {
		a.Subjects = append(a.Subjects, catalog.Subject{Kind: catalog.SubjectPassword, Hash: hash, Added: s.now()})
	}
}

func passwordOf(a *catalog.Account) string {
	for i := range a.Subjects {
		if a.Subjects[i].Kind == catalog.SubjectPassword {
			return a.Subjects[i].Hash
		}
	}
	return ""
}

// SignIn finds the account of a name (or e-mail address) and password. address
// is the client's: who guesses is slowed, with a *SlowedError. Otherwise the error is
// ErrPassword, whatever was wrong, after the same time. The account may be in
// any state.
func (s *Service) SignIn(ctx context.Context, name, password, address string) (*catalog.Account, error) {
	if s.Passwords == nil {
		return nil, ErrNoPasswords
	}
	// Whoever guesses is slowed by her address, and whoever is guessed at by name.
	byAddress, byName := Slowed{SlowAddress, address}, Slowed{SlowPassword, strings.ToLower(name)}
	if err := s.MayTry(ctx, byAddress, byName); err != nil {
		return nil, err
	}
	a, err := s.ByName(ctx, name)
	if errors.Is(err, ErrNotFound) {
		a, err = s.ByEmail(ctx, name)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	hash := ""
	if a != nil {
		hash = passwordOf(a)
	}
	ok, stale := false, false
	if hash == "" || len(password) > maxPassword {
		_, err = s.Passwords.Hash("no such password") // as long as a comparison takes
	} else {
		ok, stale, err = s.Passwords.Verify(hash, password)
	}
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	if !ok {
		return nil, ErrPassword
	}
	if stale {
		if better, err := s.Passwords.Hash(password); err == nil {
			_, _ = s.Update(ctx, a.ID, func(now *catalog.Account) error { // else next time
				if passwordOf(now) == hash {
					s.putHash(now, better)
				}
				return nil
			})
		}
	}
	return a, s.Succeeded(ctx, byName, byAddress)
}
