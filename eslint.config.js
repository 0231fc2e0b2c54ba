import tseslint from 'typescript-eslint';

/** Where `node:crypto` and its global twin are at home (see .dependency-cruiser.cjs for the imports). */
const CRYPTO_HOMES = ['libs/crypto/**', 'libs/engines/src/software/**'];
const TESTS = [
  '**/*.spec.ts',
  '**/testing/**',
  'libs/*/test/**',
  'libs/engines/src/conformance/**',
  'test/**',
];
const PROGRAMS = ['scripts/**', 'examples/**', 'bench/**', '*.config.{js,ts}', '.dependency-cruiser.cjs'];

const ENVIRONMENT = {
  object: 'process',
  property: 'env',
  message: 'Only libs/config reads the environment: add the variable to its schema and take it from Config.',
};
const WEB_CRYPTO = ['subtle', 'getRandomValues'].map((property) => ({
  object: 'crypto',
  property,
  message: 'Cryptography lives in libs/crypto: take what is needed from #crypto, or add it there.',
}));

/** Rules of ESLint itself that TypeScript does not already hold. */
const core = {
  eqeqeq: 'error',
  'no-console': 'error',
  'no-constant-binary-expression': 'error',
  'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
  'no-empty': 'error',
  'no-eval': 'error',
  'no-fallthrough': 'error',
  'no-implied-eval': 'error',
  'no-loss-of-precision': 'error',
  'no-new-func': 'error',
  'no-param-reassign': 'error',
  'no-prototype-builtins': 'error',
  'no-return-assign': ['error', 'except-parens'],
  'no-self-compare': 'error',
  'no-sparse-arrays': 'error',
  'no-template-curly-in-string': 'error',
  'no-unreachable-loop': 'error',
  'no-unsafe-finally': 'error',
  'no-unsafe-optional-chaining': 'error',
  'no-unused-private-class-members': 'error',
  'no-useless-backreference': 'error',
  'no-useless-escape': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
  'use-isnan': 'error',
  'valid-typeof': 'error',
};

const PROCESS = ['process', 'node:process'].map((name) => ({ name, message: 'Use the global `process`.' }));
const UNCHECKED_INPUT = {
  name: '@nestjs/common',
  importNames: ['Body', 'RawBody', 'Query'],
  message: 'Take input by ValidBody, ValidQuery or SchemaBody of edge/validation.pipe: it is checked.',
};

const size = (lines) => ['error', { max: lines, skipBlankLines: false, skipComments: false }];

export default tseslint.config(
  { ignores: ['dist', 'dist.next-*', 'node_modules', 'coverage', '.claviger', '.tmp', 'docs'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    rules: {
      ...core,
      'max-lines': size(300),
      'no-restricted-properties': ['error', ENVIRONMENT, ...WEB_CRYPTO],
      'no-restricted-imports': [
        'error',
        { paths: [...PROCESS, UNCHECKED_INPUT], patterns: ['@nestjs/common/*'] },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name: the name is then one in every file.',
        },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals or a frozen table.' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-exports': [
        'error',
        { fixMixedExportsWithInlineTypeSpecifier: true },
      ],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Removes casts that keep `any` out.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // `Json | typeof MISSING` says more than `unknown`, though it is the same to the compiler.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/unbound-method': 'error',
    },
  },
  {
    files: ['{apps,libs}/**/*.ts'],
    ignores: TESTS,
    rules: { 'max-lines-per-function': size(60) },
  },
  {
    files: ['apps/api/src/edge/validation.pipe.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: PROCESS }] },
  },
  { files: ['libs/config/**'], rules: { 'no-restricted-properties': ['error', ...WEB_CRYPTO] } },
  { files: CRYPTO_HOMES, rules: { 'no-restricted-properties': ['error', ENVIRONMENT] } },
  {
    files: TESTS,
    rules: { 'max-lines': size(400), 'no-restricted-properties': 'off' },
  },
  // Tests read JSON and feed in what no type allows.
  {
    files: TESTS.map((glob) => (glob.endsWith('.ts') ? glob : `${glob}/*.ts`)),
    rules: Object.fromEntries(
      ['argument', 'assignment', 'call', 'member-access', 'return']
        .map((use) => `@typescript-eslint/no-unsafe-${use}`)
        .concat('@typescript-eslint/no-base-to-string')
        .map((rule) => [rule, 'off']),
    ),
  },
  // The swagger plugin of the build reads the classes that a DTO's members are typed with.
  { files: ['**/*.dto.ts'], rules: { '@typescript-eslint/consistent-type-imports': 'off' } },
  { files: PROGRAMS, rules: { 'no-console': 'off', 'no-restricted-properties': 'off' } },
  // What reads these files asks for a default export.
  {
    files: ['*.config.{js,ts}', 'test/harness/*.global.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
