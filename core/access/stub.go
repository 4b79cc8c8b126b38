package access

func (s Site) decide(q Request) Decision { panic("unwritten") }
