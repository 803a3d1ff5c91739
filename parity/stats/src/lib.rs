//! Statistics that compare two arrays of numbers; knows no tensor library
