import { z } from 'zod';
import { KmsRefusal } from './kms-refusal.js';
import { keyId, listing, operation, pageOf } from './operation.js';

const CHARACTERS = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const MAX_TAGS = 50;

export const tagList = z.array(
  z.object({ TagKey: z.string().min(1).max(128), TagValue: z.string().max(256) }),
);

/** Adds tags to those there are, or refuses all of them. */
export function tagged(
  before: ReadonlyMap<string, string>,
  tags: z.infer<typeof tagList>,
): Map<string, string> {
  const refused = (message: string): KmsRefusal => new KmsRefusal('TagException', message);
  for (const { TagKey, TagValue } of tags) {
    if (!CHARACTERS.test(TagKey) || !CHARACTERS.test(TagValue)) throw refused('Invalid characters in tag');
    if (/^aws:/i.test(TagKey)) throw refused('Tag keys beginning with aws: are reserved');
  }
  if (new Set(tags.map(({ TagKey }) => TagKey)).size < tags.length) throw refused('Duplicate tag keys');
  const after = new Map([...before, ...tags.map(({ TagKey, TagValue }) => [TagKey, TagValue] as const)]);
  if (after.size > MAX_TAGS) throw refused('Too many tags');
  return after;
}

export const TAG_OPERATIONS = {
  ListResourceTags: operation(z.object({ KeyId: keyId, ...listing(50, 50) }), (account, input) => {
    const all = [...account.key(input.KeyId).tags].map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
    const { page, ...rest } = pageOf(all, input.Limit, input.Marker);
    return { Tags: page, ...rest };
  }),

  TagResource: operation(z.object({ KeyId: keyId, Tags: tagList }), (account, input) => {
    const key = account.key(input.KeyId);
    key.require('Enabled', 'Disabled', 'PendingImport');
    for (const [name, value] of tagged(key.tags, input.Tags)) key.tags.set(name, value);
    return {};
  }),
};
