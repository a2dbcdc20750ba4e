// Lists the module's tokens, signs with a key and checks with OpenSSL: MODULE PIN-FILE KEY PUBLIC-KEY-FILE.
// With the package in NODE_PATH.
"use strict";
const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const pkcs11js = require("pkcs11js");

const [modulePath, pinFile, label, publicKeyFile] = process.argv.slice(2);
const publicKey = crypto.createPublicKey(fs.readFileSync(publicKeyFile));

function find(token, session, template) {
  token.C_FindObjectsInit(session, template);
  try {
    return token.C_FindObjects(session, 10);
  } finally {
    token.C_FindObjectsFinal(session);
  }
}

function attribute(token, session, object, type) {
  return token.C_GetAttributeValue(session, object, [{ type }])[0].value;
}

const token = new pkcs11js.PKCS11();
token.load(modulePath);
token.C_Initialize();
try {
  const slot = token.C_GetSlotList(true).find((one) => token.C_GetTokenInfo(one).label.trim() === "Twinseal");
  const session = token.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
  token.C_Login(session, pkcs11js.CKU_USER, fs.readFileSync(pinFile, "utf8"));

  const template = [{ type: pkcs11js.CKA_LABEL, value: label }];
  const [key] = find(token, session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }, ...template]);
  const [other] = find(token, session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY }, ...template]);
  const [id, sameId] = [key, other].map((object) => attribute(token, session, object, pkcs11js.CKA_ID));
  assert.deepStrictEqual(id, sameId);
  assert.deepStrictEqual(find(token, session, [{ type: pkcs11js.CKA_LABEL, value: "there is none" }]), []);

  const text = Buffer.from("from the pair");
  const digest = crypto.createHash("sha256").update(text).digest();
  token.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, key);
  const signature = token.C_Sign(session, digest, Buffer.alloc(64));
  assert(crypto.verify("sha256", text, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature));
  token.C_VerifyInit(session, { mechanism: pkcs11js.CKM_ECDSA }, other);
  assert(token.C_Verify(session, digest, signature));

  token.C_DigestInit(session, { mechanism: pkcs11js.CKM_SHA256 });
  assert.deepStrictEqual(token.C_Digest(session, text, Buffer.alloc(32)), digest);
  assert.notDeepStrictEqual(token.C_GenerateRandom(session, Buffer.alloc(32)), Buffer.alloc(32));

  token.C_Logout(session);
  token.C_CloseSession(session);
  console.log("all is well");
} finally {
  token.C_Finalize();
}
