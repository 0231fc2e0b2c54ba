/** Regions by the form of their names, and the domain of each partition's services, as AWS lists them for its SDKs. */
const PARTITIONS: readonly (readonly [region: RegExp, domain: string])[] = [
  [/^(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d$/, 'amazonaws.com'],
  [/^us-gov-[a-z]+-\d$/, 'amazonaws.com'],
  [/^cn-[a-z]+-\d$/, 'amazonaws.com.cn'],
  [/^eusc-de-[a-z]+-\d$/, 'amazonaws.eu'],
  [/^us-iso-[a-z]+-\d$/, 'c2s.ic.gov'],
  [/^us-isob-[a-z]+-\d$/, 'sc2s.sgov.gov'],
  [/^us-isof-[a-z]+-\d$/, 'csp.hci.ic.gov'],
  [/^eu-isoe-[a-z]+-\d$/, 'cloud.adc-e.uk'],
];

/** Where KMS is in a region, e.g. `kms.eu-central-1.amazonaws.com`; `undefined` for what is no region of any partition. */
export function kmsHost(region: string): string | undefined {
  const domain = PARTITIONS.find(([form]) => form.test(region))?.[1];
  return domain === undefined ? undefined : `kms.${region}.${domain}`;
}
