import java.util.Hashtable;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.NameAlreadyBoundException;
import javax.naming.NameNotFoundException;
import javax.naming.directory.Attribute;
import javax.naming.directory.Attributes;
import javax.naming.directory.BasicAttribute;
import javax.naming.directory.BasicAttributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.ModificationItem;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.SortControl;

/** Java's own LDAP client does what applications do with it. Arguments: URL, name, password. */
public class Jndi {
    static void check(boolean truth, String what) {
        if (!truth) throw new AssertionError(what);
        System.out.println("ok " + what);
    }

    public static void main(String[] arguments) throws Exception {
        Hashtable<String, Object> environment = new Hashtable<>();
        environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        environment.put(Context.PROVIDER_URL, arguments[0]);
        environment.put(Context.SECURITY_AUTHENTICATION, "simple");
        environment.put(Context.SECURITY_PRINCIPAL, arguments[1]);
        environment.put(Context.SECURITY_CREDENTIALS, arguments[2]);
        environment.put("java.naming.ldap.attributes.binary", "jpegPhoto");
        LdapContext directory = new InitialLdapContext(environment, null);
        String people = "ou=people,dc=example,dc=com";

        Attributes root = directory.getAttributes("", new String[] {"namingContexts"});
        check(root.get("namingContexts").contains("dc=example,dc=com"), "rootDSE");
        DirContext schema = directory.getSchema("");
        check(schema.lookup("ClassDefinition/inetOrgPerson") != null, "schema");

        BasicAttributes entry = new BasicAttributes(true);
        entry.put("objectClass", "inetOrgPerson");
        entry.put("cn", "Java / \"Client\"");
        entry.put("sn", "J");
        byte[] photo = new byte[70000];
        entry.put("jpegPhoto", photo);
        String name = "uid=java," + people;
        directory.createSubcontext(name, entry);
        try {
            directory.createSubcontext(name, entry);
            check(false, "a second add is refused");
        } catch (NameAlreadyBoundException expected) {
            check(true, "a second add is refused");
        }
        Attribute back = directory.getAttributes(name).get("jpegPhoto");
        check(((byte[]) back.get()).length == photo.length, "binary value");
        directory.modifyAttributes(name, new ModificationItem[] {
            new ModificationItem(DirContext.ADD_ATTRIBUTE, new BasicAttribute("mail", "j@example.com")),
            new ModificationItem(DirContext.REPLACE_ATTRIBUTE, new BasicAttribute("sn", "K")),
        });

        SearchControls controls = new SearchControls();
        controls.setSearchScope(SearchControls.ONELEVEL_SCOPE);
        NamingEnumeration<SearchResult> found = directory.search(
            people, "(&(sn={0})(mail=j*))", new Object[] {"k"}, controls);
        check(found.hasMore() && found.next().getName().equals("uid=java"), "search with arguments");

        int count = 0;
        byte[] cookie = null;
        do {
            directory.setRequestControls(new Control[] {
                new PagedResultsControl(2, cookie, Control.CRITICAL),
                new SortControl(new String[] {"cn"}, Control.CRITICAL)});
            for (found = directory.search(people, "(uid=*)", controls); found.hasMore(); found.next()) {
                count++;
            }
            cookie = null;
            for (Control control : directory.getResponseControls()) {
                if (control instanceof PagedResultsResponseControl) {
                    cookie = ((PagedResultsResponseControl) control).getCookie();
                }
            }
        } while (cookie != null && cookie.length > 0);
        check(count >= 4, "sorted pages");
        directory.setRequestControls(null);

        directory.rename(name, "uid=jdk," + people);
        directory.destroySubcontext("uid=jdk," + people);
        try {
            directory.getAttributes("uid=jdk," + people);
            check(false, "gone");
        } catch (NameNotFoundException expected) {
            check(true, "gone");
        }
        directory.close();
    }
}
