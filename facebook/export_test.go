package facebook

// OpenSigned is what SignedRequest does with the value of the field.
var OpenSigned = openSigned
