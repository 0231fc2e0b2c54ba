import { z } from 'zod';

/** Asymmetric JWS algorithms an issuer may use; `none` and HMAC can not be configured. */
const ALGORITHMS = [
  'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512',
] as const; // prettier-ignore

const issuer = z
  .strictObject({
    /** Exact value of `iss`. */
    issuer: z.string().min(1),
    /** One of these must be in `aud`. */
    audience: z.union([
      z
        .string()
        .min(1)
        .transform((one) => [one]),
      z.array(z.string().min(1)).min(1),
    ]),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['ES256']),
    /** Where its keys are: a URL (https, or http on loopback) … */
    jwks_url: z.url({ protocol: /^https?$/ }).optional(),
    /** … or a file, read again when an unknown key id comes. */
    jwks_file: z.string().min(1).optional(),
    /** Name of the claim that carries the tenant. */
    tenant_claim: z.string().min(1).default('tenant'),
    /** Tenants it may speak for; `*` means all. */
    tenants: z.union([z.literal('*'), z.array(z.string().min(1)).min(1)]),
    /** Whether its tokens may carry `platform:admin` and `kms:engines:admin`. */
    platform_admin: z.boolean().default(false),
    /** Seconds of clock skew tolerated, at most 60. */
    clock_skew_s: z.number().int().min(0).max(60).default(30),
  })
  .refine((value) => (value.jwks_url === undefined) !== (value.jwks_file === undefined), {
    message: 'needs exactly one of jwks_url and jwks_file',
  })
  .refine(
    (value) =>
      !value.jwks_url?.startsWith('http:') ||
      /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(value.jwks_url),
    {
      message: 'jwks_url must be https, or http on loopback',
    },
  );

export const issuersSchema = z
  .array(issuer)
  .min(1)
  .refine((list) => new Set(list.map((one) => one.issuer)).size === list.length, {
    message: 'an issuer is listed twice',
  });

/** An issuer of tokens and what it may claim (trust in issuers is narrow). */
export type IssuerConfig = Readonly<z.infer<typeof issuer>>;
