/** A table by dotted object identifier, with a null prototype so that no other name resolves. */
export const oidTable = <T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T | undefined>> =>
  Object.freeze(Object.assign(Object.create(null) as object, entries));
