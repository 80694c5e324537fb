module elanus.test/checks

go 1.21
