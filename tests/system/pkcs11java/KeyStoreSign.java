import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.security.cert.Certificate;

/**
 * Signs with a key that is in the key store with its certificates, as programs of Java do, and checks the signature with
 * the certificate and the chain with itself.
 * Arguments: CONFIGURATION PIN-FILE ALIAS SIGNATURE CHAIN-LENGTH
 */
public final class KeyStoreSign {
  private static final byte[] TEXT = "from the pair".getBytes(StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws Exception {
    Provider provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
    KeyStore token = KeyStore.getInstance("PKCS11", provider);
    token.load(null, Files.readString(Path.of(arguments[1])).toCharArray());

    String alias = arguments[2];
    require(token.isKeyEntry(alias), alias + " is no entry of the key store");
    Certificate[] chain = token.getCertificateChain(alias);
    require(chain.length == Integer.parseInt(arguments[4]), "the chain has another length: " + chain.length);
    for (int i = 0; i + 1 < chain.length; ++i) chain[i].verify(chain[i + 1].getPublicKey());

    Signature signer = Signature.getInstance(arguments[3], provider);
    signer.initSign((PrivateKey) token.getKey(alias, null));
    signer.update(TEXT);
    Signature verifier = Signature.getInstance(arguments[3], "SunEC");
    verifier.initVerify(chain[0]);
    verifier.update(TEXT);
    require(verifier.verify(signer.sign()), "the signature does not verify");
    System.out.println("all is well");
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) throw new AssertionError(otherwise);
  }
}
