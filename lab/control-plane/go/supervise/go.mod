module vservergroup-operator/test/supervise

go 1.26.0
