import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.Provider;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;

/**
 * Makes a key pair through SunPKCS11, signs with it and checks with Java's own cryptography.
 * Arguments: CONFIGURATION PIN-FILE ALGORITHM BITS SIGNATURE...
 */
public final class Sign {
  private static final byte[] TEXT = "from the pair".getBytes(StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws Exception {
    Provider provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
    KeyStore token = KeyStore.getInstance("PKCS11", provider);
    token.load(null, Files.readString(Path.of(arguments[1])).toCharArray());

    String algorithm = arguments[2];
    KeyPairGenerator maker = KeyPairGenerator.getInstance(algorithm, provider);
    maker.initialize(Integer.parseInt(arguments[3]));
    KeyPair pair = maker.generateKeyPair();
    for (String scheme : Arrays.copyOfRange(arguments, 4, arguments.length)) {
      Signature signer = Signature.getInstance(scheme, provider);
      signer.initSign(pair.getPrivate());
      signer.update(TEXT);
      require(verifies(scheme, algorithm, pair, signer.sign()), scheme + " does not verify");
    }
    byte[] random = new byte[32];
    SecureRandom.getInstance("PKCS11", provider).nextBytes(random);
    require(!Arrays.equals(random, new byte[32]), "random bytes are zero");
    System.out.println("all is well");
  }

  private static boolean verifies(String scheme, String algorithm, KeyPair pair, byte[] signature) throws Exception {
    String own = algorithm.equals("EC") ? "SunEC" : "SunRsaSign";
    Signature verifier = Signature.getInstance(scheme, own);
    verifier.initVerify(KeyFactory.getInstance(algorithm, own)
        .generatePublic(new X509EncodedKeySpec(pair.getPublic().getEncoded())));
    verifier.update(TEXT);
    return verifier.verify(signature);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) throw new AssertionError(otherwise);
  }
}
