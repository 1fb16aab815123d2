import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Who may import whom: `docs/architecture.md`, "Dependency direction". */
const depConstraints = [
  {
    sourceTag: 'type:app',
    onlyDependOnLibsWithTags: ['type:client', 'type:contracts', 'type:platform', 'type:pure', 'type:testing'],
  },
  // What is published stands alone; what it is made from, and its tests, do not.
  { sourceTag: 'type:client', onlyDependOnLibsWithTags: ['type:platform', 'type:pure', 'type:testing'] },
  {
    sourceTag: 'type:e2e',
    onlyDependOnLibsWithTags: ['type:client', 'type:contracts', 'type:platform', 'type:pure', 'type:testing'],
  },
  { sourceTag: 'type:testing', onlyDependOnLibsWithTags: ['type:contracts', 'type:platform', 'type:pure'] },
  {
    sourceTag: 'type:platform',
    onlyDependOnLibsWithTags: ['type:contracts', 'type:platform', 'type:pure', 'type:testing'],
  },
  { sourceTag: 'type:contracts', onlyDependOnLibsWithTags: ['type:pure'] },
  {
    sourceTag: 'type:pure',
    onlyDependOnLibsWithTags: ['type:pure'],
    bannedExternalImports: ['@nestjs/*', 'typeorm'],
  },
  {
    sourceTag: 'type:composition',
    onlyDependOnLibsWithTags: ['type:app', 'type:composition', 'type:contracts', 'type:platform', 'type:pure'],
  },
];
const TESTS = ['**/*.spec.ts', '**/*.int-spec.ts', 'apps/e2e/**/*.ts'];
const ENVIRONMENT = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Read variables in config.ts, through loadConfig.',
};

export default tseslint.config(
  { ignores: ['**/node_modules', 'dist', '.nx', '.data', '**/*.cjs'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { depConstraints, allow: [] }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': ['error', ENVIRONMENT],
      'no-restricted-imports': [
        'error',
        { paths: [{ name: '@agent-platform/testing', message: 'Only tests may use it.' }] },
      ],
    },
  },
  {
    // Composition: the one place that imports apps, by the path of their start function; benchmarks of their parts; what installs them.
    files: ['apps/standalone/**/*.ts', 'apps/migrate/**/*.ts', 'bench/**/*.ts', 'infra/**/*.ts'],
    rules: { '@nx/enforce-module-boundaries': 'off', 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/main.ts', 'libs/service-host/src/run-main.ts', 'libs/local-servers/**', 'libs/testing/**', ...TESTS],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: TESTS,
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        clearTimeout: 'readonly',
        clearInterval: 'readonly',
        performance: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  prettier,
);
