/** What is sealed of a connection. `hosts`: the credential was given for these and goes nowhere else, whatever the definition says later. */
export type Credential = ApiKeyCredential | BasicCredential | OAuth2Credential;

export interface ApiKeyCredential {
  readonly type: 'api_key';
  readonly hosts: readonly string[];
  readonly apiKey: string;
}

export interface BasicCredential {
  readonly type: 'basic';
  readonly hosts: readonly string[];
  readonly username: string;
  readonly password: string;
}

export interface OAuth2Credential {
  readonly type: 'oauth2';
  readonly hosts: readonly string[];
  /** The refresh token goes to these addresses alone. */
  readonly tokenUrl: string;
  readonly revokeUrl?: string;
  readonly accessToken: string;
  readonly refreshToken?: string;
}

/** What is sealed of a definition. */
export interface ClientSecret {
  readonly clientSecret: string;
  /** The address that it may be sent to. */
  readonly tokenUrl: string;
}
