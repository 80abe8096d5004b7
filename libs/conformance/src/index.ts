/** Black-box checks for any Mosaic server. */
export {};
