import { expect, test } from 'vitest'
import { takenMetadata } from '../../../../worker/sign-in/taken-metadata.ts'

test('takenMetadata() leaves out flows that are not offered, and what is empty', () => {
  const metadata = {
    grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types: ['code', 'token'],
    client_name: 'x',
    client_uri: '',
    logo_uri: null,
    redirect_uris: [],
  }
  expect(JSON.parse(takenMetadata(JSON.stringify(metadata)))).toEqual({
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    client_name: 'x',
    redirect_uris: [],
  })
})

test('takenMetadata() leaves a list of which nothing is offered for the library to refuse', () => {
  expect(takenMetadata('{"grant_types":["implicit"]}')).toBe('{"grant_types":["implicit"]}')
})

test.each(['', '{', '[]', 'null', '5', '"x"'])('takenMetadata() hands on %j as it is', (text) => {
  expect(takenMetadata(text)).toBe(text)
})
