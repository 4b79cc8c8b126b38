package storewrap

import "github.com/mucura/mucura/core/meta"

// Unwrap gives the store below, for meta.As.
func (s *Retry) Unwrap() meta.Store { return s.Store }

// Unwrap gives the store below, for meta.As.
func (f *Fault) Unwrap() meta.Store { return f.Store }

// Unwrap gives the store below, for meta.As.
func (s *Guarded) Unwrap() meta.Store { return s.Store }
