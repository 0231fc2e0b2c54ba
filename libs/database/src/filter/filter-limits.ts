/** Bounds of the filter language; characters are UTF-16 code units. */
export const FILTER_LIMITS = Object.freeze({
  conditions: 20,
  /** Of all filter parameters of a request together. */
  characters: 4_096,
  listElements: 100,
  jsonPathCharacters: 1_024,
  pathDepth: 8,
});
