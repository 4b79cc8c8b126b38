package access

// validate checks what can be evaluated but makes no sense for the bucket.
func (p *Policy) validate(bucket string) error {
	for i := range p.statements {
		if err := p.statements[i].validate(bucket); err != nil {
			return err
		}
	}
	return nil
}

func (st *statement) validate(bucket string) error {
	for i := range st.actions {
		if _, known := levels(&st.actions[i]); !known {
			return malformed("Policy has invalid action")
		}
	}
	about, ok := st.about(bucket)
	if !ok {
		return malformed("Policy has invalid resource")
	}
	if err := st.validateKeys(); err != nil {
		return err
	}
	if st.notAction || st.notResource {
		return nil
	}
	for i := range st.actions {
		if l, _ := levels(&st.actions[i]); l&about == 0 {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}

// about tells whether the resources are the bucket, objects in it, or both; not
// ok when one of them is neither.
func (st *statement) about(bucket string) (l level, ok bool) {
	for i := range st.resources {
		var one level
		if st.resources[i].reachesAll(bucket) {
			one |= onBucket
		}
		if st.resources[i].reaches(bucket+"/", true) {
			one |= onObject
		}
		if one == 0 {
			return 0, false
		}
		l |= one
	}
	return l, true
}

// validateKeys refuses condition keys that S3 does not know, and those of
// listings with an action that lists nothing.
func (st *statement) validateKeys() error {
	for i := range st.conditions {
		key := st.conditions[i].key
		if !knownKey(key) {
			return malformed("Policy has an invalid condition key")
		}
		if !listingKey(key) || st.notAction {
			continue
		}
		for j := range st.actions {
			if !lists(&st.actions[j]) {
				return malformed("Conditions do not apply to combination of actions and resources in statement")
			}
		}
	}
	return nil
}

func lists(p *pattern) bool {
	return p.match("s3:ListBucket", nil, true) || p.match("s3:ListBucketVersions", nil, true) ||
		p.match("s3:ListBucketMultipartUploads", nil, true)
}
