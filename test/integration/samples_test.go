package integration_test

// sampleItems are codes of the sample catalogue that ships with the cart service.
var sampleItems = []string{"1001", "1003"}
