// One runner for unit (*.spec.ts), integration (*.int-spec.ts) and end-to-end (apps/e2e) tests.
// What starts servers is set up by the tests themselves, through libs/testing.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const read = (file) => JSON.parse(readFileSync(join(__dirname, file), 'utf8'));
const paths = read('tsconfig.base.json').compilerOptions.paths;

module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{apps,libs,infra}/**/*.{spec,int-spec,e2e-spec}.ts'],
  moduleNameMapper: {
    ...Object.fromEntries(Object.entries(paths).map(([name, [file]]) => [`^${name}$`, join(__dirname, file)])),
    // Its package.json names no file for `require`.
    '^@octokit/webhooks-methods$': join(__dirname, 'node_modules/@octokit/webhooks-methods/dist-node/index.js'),
  },
  transform: {
    '^.+\\.(t|m?j)s$': ['@swc/jest', { ...read('.swcrc.json'), swcrc: false, module: { type: 'commonjs' } }],
  },
  // Packages that are published as ES modules only: Jest's CommonJS loader needs them transformed.
  transformIgnorePatterns: ['/node_modules/(?!(@marcbachmann/cel-js|@octokit/webhooks-methods|@linear/sdk)/)'],
  globalSetup: '<rootDir>/libs/testing/src/global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/global-teardown.ts',
  // Packages that are built there have the names of those that they are made from.
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testTimeout: 60_000,
  forceExit: true,
};
